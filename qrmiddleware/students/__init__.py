"""Students: small distilled models that score, embed and generate on CTranslate2."""
