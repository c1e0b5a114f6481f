"""Makes students of Hugging Face checkpoints: conversion, and proof that it changed nothing."""
