"""What the pages share: shell, charts, tables, formats. The only package here that imports streamlit."""
