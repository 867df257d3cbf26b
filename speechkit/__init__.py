"""speechkit: call recordings to transcripts, analyses and reports."""
