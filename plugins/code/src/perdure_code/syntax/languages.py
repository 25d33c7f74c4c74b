"""The languages that are understood, and what their definitions and decisions are called."""

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Final

from tree_sitter import Language, Parser, Query


@dataclass(frozen=True, slots=True)
class Grammar:
    """How to read one language.

    Attributes:
        name: As people call it.
        module: The distribution's module that has the grammar.
        function: The function of that module that returns it.
        query: The captures ``function``, ``class``, ``type``, ``name``, ``branch``, ``import``,
            ``comment``, ``error`` and ``missing``.
    """

    name: str
    module: str
    query: str
    function: str = "language"


_COMMON: Final = "(ERROR) @error (MISSING) @missing"
_JAVASCRIPT: Final = """
[(function_declaration name: (_) @name) (generator_function_declaration name: (_) @name)
 (method_definition name: (_) @name)] @function
(variable_declarator name: (identifier) @name
  value: [(arrow_function) (function_expression) (generator_function)]) @function
(class_declaration name: (_) @name) @class
[(if_statement) (for_statement) (for_in_statement) (while_statement) (do_statement) (switch_case)
 (catch_clause) (ternary_expression)] @branch
(binary_expression operator: ["&&" "||" "??"]) @branch
[(import_statement) (export_statement source: (_))] @import
(call_expression function: (identifier) @_required arguments: (arguments (string))
  (#eq? @_required "require")) @import
(comment) @comment
"""
_TYPESCRIPT: Final = (
    _JAVASCRIPT
    + """
(abstract_class_declaration name: (_) @name) @class
[(interface_declaration name: (_) @name) (type_alias_declaration name: (_) @name)
 (enum_declaration name: (_) @name)] @type
"""
)
_PYTHON: Final = """
(function_definition name: (_) @name) @function
(class_definition name: (_) @name) @class
[(if_statement) (elif_clause) (for_statement) (while_statement) (except_clause)
 (conditional_expression) (for_in_clause) (if_clause) (boolean_operator) (assert_statement)
 (case_clause)] @branch
[(import_statement) (import_from_statement) (future_import_statement)] @import
(comment) @comment
"""
_GO: Final = """
(function_declaration name: (_) @name) @function
(method_declaration name: (_) @name) @function
(type_spec name: (_) @name) @type
[(if_statement) (for_statement) (expression_case) (type_case) (communication_case)] @branch
(binary_expression operator: ["&&" "||"]) @branch
(import_spec) @import
(comment) @comment
"""
_RUST: Final = """
(function_item name: (_) @name) @function
(impl_item type: (_) @name) @class
[(struct_item name: (_) @name) (enum_item name: (_) @name) (trait_item name: (_) @name)
 (type_item name: (_) @name)] @type
[(if_expression) (for_expression) (while_expression) (loop_expression) (match_arm)] @branch
(binary_expression operator: ["&&" "||"]) @branch
(use_declaration) @import
[(line_comment) (block_comment)] @comment
"""
_JAVA: Final = """
[(method_declaration name: (_) @name) (constructor_declaration name: (_) @name)] @function
[(class_declaration name: (_) @name) (record_declaration name: (_) @name)
 (enum_declaration name: (_) @name)] @class
(interface_declaration name: (_) @name) @type
[(if_statement) (for_statement) (enhanced_for_statement) (while_statement) (do_statement)
 (switch_label) (catch_clause) (ternary_expression)] @branch
(binary_expression operator: ["&&" "||"]) @branch
(import_declaration) @import
[(line_comment) (block_comment)] @comment
"""

PYTHON: Final = "Python"
_TYPESCRIPT_MODULE: Final = "tree_sitter_typescript"
_GRAMMARS: Final[dict[str, Grammar]] = {
    grammar.name: grammar
    for grammar in (
        Grammar(PYTHON, "tree_sitter_python", _PYTHON),
        Grammar("JavaScript", "tree_sitter_javascript", _JAVASCRIPT),
        Grammar("TypeScript", _TYPESCRIPT_MODULE, _TYPESCRIPT, "language_typescript"),
        Grammar("TSX", _TYPESCRIPT_MODULE, _TYPESCRIPT, "language_tsx"),
        Grammar("Go", "tree_sitter_go", _GO),
        Grammar("Rust", "tree_sitter_rust", _RUST),
        Grammar("Java", "tree_sitter_java", _JAVA),
    )
}
_BY_ENDING: Final = {
    ".py": PYTHON,
    ".pyi": PYTHON,
    ".pyw": PYTHON,
    ".js": "JavaScript",
    ".jsx": "JavaScript",
    ".mjs": "JavaScript",
    ".cjs": "JavaScript",
    ".ts": "TypeScript",
    ".mts": "TypeScript",
    ".cts": "TypeScript",
    ".tsx": "TSX",
    ".go": "Go",
    ".rs": "Rust",
    ".java": "Java",
}


@dataclass(frozen=True, slots=True)
class Reader:
    """What reads one language.

    Attributes:
        parser: Makes trees.
        query: Finds in them what a map shows.
    """

    parser: Parser
    query: Query


def language_of(path: str) -> str:
    """Return the language of a file by its name; empty when it is none of those understood."""
    dot = path.rfind(".")
    return _BY_ENDING.get(path[dot:], "") if dot > path.rfind("/") else ""


@cache
def reader_of(language: str) -> Reader:
    """Return what reads a language; it is loaded when it is needed first."""
    grammar = _GRAMMARS[language]
    loaded = Language(getattr(import_module(grammar.module), grammar.function)())
    return Reader(Parser(loaded), Query(loaded, f"{grammar.query}\n{_COMMON}"))
