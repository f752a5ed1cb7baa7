"""At the operator: keys, certificates, repository, what devices send; a folder and a command serve a small fleet."""
