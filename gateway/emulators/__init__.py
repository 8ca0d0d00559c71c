"""The buses, emulated: strict about limits and signatures, with faults on demand."""
