"""Operations that take their time, fail and refuse as they are told, so that faults meet them half-way."""
