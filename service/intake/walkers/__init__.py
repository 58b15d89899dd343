"""One walker a format; `service.intake.structure` says what a walker is."""
