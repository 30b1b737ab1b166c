"""What takes the report of each step: TensorBoard, or an object of the user's own."""
