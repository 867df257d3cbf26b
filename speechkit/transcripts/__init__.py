"""One model for every result: `read_transcript`, `open_corpus`, and the Transcript that both answer."""
