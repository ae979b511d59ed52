"""What is known of an engine's answers, and the gate that they are judged by."""
