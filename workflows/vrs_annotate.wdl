version 1.1

workflow vrs_annotate {
  meta {
    description: "Adds GA4GH VRS identifiers to a VCF or BCF. See docs/workflows.md."
    allowNestedInputs: true
  }

  input {
    File vcf
    File fasta
  }

  call annotate { input: vcf, fasta }

  output {
    File annotated = annotate.annotated
  }
}

task annotate {
  input {
    File vcf
    File fasta
    String? assembly
    Boolean canonical = false
    Boolean add_vrs_attributes = false
    String vrs_version = "2.0"
    String container = "vcfjobs:0.2"
    Int threads = 2
    Int memory_gib = 4
    # The FASTA and its sequences, one byte per base; the VCF and its result, which is larger by the identifiers.
    Int disk_gib = 5 + ceil(5 * size(fasta, "GiB") + 8 * size(vcf, "GiB"))
  }

  parameter_meta {
    vcf: "VCF (plain, gzip or BGZF) or BCF"
    fasta: "the reference (plain, gzip or BGZF)"
    assembly: "GRCh38 or GRCh37, for canonical; default: what the FASTA is named"
    canonical: "use the canonical accession of every contig whose name and length are known"
    add_vrs_attributes: "also write starts, ends, states, lengths and repeat subunit lengths"
    vrs_version: "2.0 or 2.1"
  }

  String name = sub(basename(vcf), "\\.(vcf|bcf)(\\.b?gz)?$", "") + ".vrs.vcf.gz"

  command <<<
    set -eu
    export NUMBA_CACHE_DIR="$PWD/cache/kernel"
    vrs-annotate '~{vcf}' -o '~{name}' --fasta '~{fasta}' --cache cache/references \
      --vrs-version ~{vrs_version} --threads ~{threads} ~{"--assembly '" + assembly + "'"} \
      ~{if canonical then "--canonical" else ""} ~{if add_vrs_attributes then "--add-vrs-attributes" else ""}
    rm -r cache
  >>>

  output {
    File annotated = name
  }

  runtime {
    container: container
    cpu: threads
    memory: "~{memory_gib} GiB"
    disks: "local-disk ~{disk_gib} SSD"
  }
}
