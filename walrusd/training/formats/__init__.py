"""File formats of models and datasets: safetensors, and the layout of Hugging Face."""
