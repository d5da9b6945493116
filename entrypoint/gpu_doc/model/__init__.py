"""Values that pass from room to room: frozen, and without behaviour beyond small derived names."""
