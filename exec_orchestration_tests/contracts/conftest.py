"""What the contracts' tests take from the door's."""

from exec_orchestration_tests.apis.conftest import client_of, fake_time, sparkwise_vendor

__all__ = ["client_of", "fake_time", "sparkwise_vendor"]
