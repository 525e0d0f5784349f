//! The filter language: lexer, parser, checker, compiled program, explain.
