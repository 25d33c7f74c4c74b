"""Tables in the sheets of workbooks: Excel and OpenDocument."""
