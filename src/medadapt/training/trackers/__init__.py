"""Curves for people who watch: TensorBoard, W&B and MLflow beside steps.jsonl, which holds every number anyway.

Only numbers of steps and a few settings of the recipe are handed over: never a record, and nothing of the
`data` section. TensorBoard writes into the run folder, and so do the two others unless the user has a
server for them: W&B stays offline without a login, MLflow local without MLFLOW_TRACKING_URI.
"""
