"""They mirror the modules; each opens with its promise."""
