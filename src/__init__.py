"""Are We Infinity Yet? Do stock inference engines reach the latency Hugging Face Infinity advertised, on
this host?
"""

__version__ = "0.1.0"
