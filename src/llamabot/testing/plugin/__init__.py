"""The pytest plugins, loaded by their entry points wherever LlamaBot is installed. They import little until used."""
