"""The fan-out: records in, validated answers out, nothing paid twice."""
