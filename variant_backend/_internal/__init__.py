"""Everything that is not public: it may change in every release."""
