"""BCF 2.1 and 2.2 read as the VCF text that it stands for (VCF specification, "BCF specification")."""
