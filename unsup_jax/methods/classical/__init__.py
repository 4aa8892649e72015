"""Classical methods: closed forms, filters and kept libraries."""
