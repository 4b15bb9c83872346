"""A run taken elsewhere: a plain merged model, and what Ollama, llama.cpp and vLLM need."""
