"""What compiled code keeps of a chunk: the columns of its tables of locations and alleles."""

from __future__ import annotations

# Columns of a location.
CONTIG, LOCATION_START, LOCATION_END = range(3)
LOCATION_COLUMNS = 3

# Columns of an allele, -1 where there is none. START and END are those of its location, number LOCATION among
# the locations; LITERAL is the offset of a literal state's residues, of LITERAL_SIZE, among the residues;
# LENGTH and SUBUNIT are a reference-length state. SHOWN and SHOWN_SIZE are the residues that VRS_States
# shows; CHANGE is the size of an insertion or deletion.
KIND, CONTIG_OF, START_OF, END_OF, LITERAL, LITERAL_SIZE, LENGTH, SUBUNIT = range(8)
LOCATION, SHOWN, SHOWN_SIZE, CHANGE = range(8, 12)
ALLELE_COLUMNS = 12

# Kinds of alleles: those with an identifier, then those without.
KINDS = ("reference", "snv", "mnv", "delins", "insertion", "deletion")
WITHOUT_ID = ("star", "symbolic", "breakend", "other")
REFERENCE, SNV, MNV, DELINS, INSERTION, DELETION = range(6)
STAR, SYMBOLIC, BREAKEND, OTHER, UNPLACED = range(6, 11)

# Cursors: how many of each there are so far.
LOCATIONS, ALLELES, RESIDUES = range(3)
