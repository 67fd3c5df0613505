// Adds GA4GH VRS identifiers to VCF or BCF files. See docs/workflows.md.

params.vcf = null                  // a file, or a pattern such as 'calls/*.vcf.gz'
params.fasta = null                // the reference: plain, gzip or BGZF
params.assembly = null             // GRCh38 or GRCh37, for canonical; default: what the FASTA is named
params.canonical = false           // use the canonical accession of every contig whose name and length are known
params.add_vrs_attributes = false  // also write starts, ends, states, lengths and repeat subunit lengths
params.vrs_version = '2.0'         // or 2.1
params.outdir = 'annotated'
params.container = 'vcfjobs:0.2'

process VRS_ANNOTATE {
    tag "${vcf.name}"
    container "${params.container}"
    cpus 2
    memory '4 GB'
    disk '50 GB'
    publishDir "${params.outdir}", mode: 'copy'

    input:
    path vcf
    path fasta

    output:
    path '*.vrs.vcf.gz'

    script:
    def name = vcf.name.replaceFirst(/\.(vcf|bcf)(\.b?gz)?$/, '')
    def assembly = params.assembly ? "--assembly '${params.assembly}'" : ''
    def canonical = params.canonical ? '--canonical' : ''
    def attributes = params.add_vrs_attributes ? '--add-vrs-attributes' : ''
    """
    export NUMBA_CACHE_DIR="\$PWD/cache/kernel"
    vrs-annotate '${vcf}' -o '${name}.vrs.vcf.gz' --fasta '${fasta}' --cache cache/references \\
      --vrs-version ${params.vrs_version} --threads ${task.cpus} ${assembly} ${canonical} ${attributes}
    rm -r cache
    """
}

workflow {
    VRS_ANNOTATE(channel.fromPath(params.vcf, checkIfExists: true), file(params.fasta, checkIfExists: true))
}
