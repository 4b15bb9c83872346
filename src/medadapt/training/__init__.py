"""Examples -> Adapter: the engine, its batches, loss, optimiser, guards and checkpoints."""
