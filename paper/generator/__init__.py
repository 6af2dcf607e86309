"""What `make paper` writes: numbers, tables and figures of the article, from committed results."""
