"""RFC 9457's rules as schemas of our own: a JSON Schema for problem+json, a RELAX NG grammar for problem+xml."""

from __future__ import annotations

# Section 3.1 says what each member is, 3.2 what a name has to be like so that it survives XML: three characters or
# more, a letter first, then letters, digits and underscores.
NAME = "^[A-Za-z][A-Za-z0-9_]{2,}$"
URI_REFERENCE = (
    r"^(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*$"  # RFC 3986's characters, no blank among them
)
JSON_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "type": {"type": "string", "pattern": URI_REFERENCE},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 100, "maximum": 599},
        "detail": {"type": "string"},
        "instance": {"type": "string", "pattern": URI_REFERENCE},
    },
    "propertyNames": {"pattern": NAME},
    "additionalProperties": {"$ref": "#/$defs/extension"},
    "$defs": {
        "extension": {
            "anyOf": [
                {"type": ["string", "number", "boolean"]},
                {"type": "array", "items": {"$ref": "#/$defs/extension"}},
                {
                    "type": "object",
                    "propertyNames": {"pattern": NAME},
                    "additionalProperties": {"$ref": "#/$defs/extension"},
                },
            ]
        }
    },
    # what ours always have beside the rules
    "required": ["type", "title", "status", "detail", "instance", "reference", "code", "action"],
}

# Appendix B: the five members in any order, each at most once; all other elements of the namespace are extensions,
# which hold text, members, or the items `i` of an array.
RELAX_NG = """
<grammar xmlns="http://relaxng.org/ns/structure/1.0" ns="urn:ietf:rfc:7807"
         datatypeLibrary="http://www.w3.org/2001/XMLSchema-datatypes">
  <start>
    <element name="problem">
      <interleave>
        <optional><element name="type"><data type="anyURI"/></element></optional>
        <optional><element name="title"><data type="string"/></element></optional>
        <optional><element name="detail"><data type="string"/></element></optional>
        <optional>
          <element name="status">
            <data type="positiveInteger">
              <param name="minInclusive">100</param>
              <param name="maxInclusive">599</param>
            </data>
          </element>
        </optional>
        <optional><element name="instance"><data type="anyURI"/></element></optional>
        <zeroOrMore><ref name="extension"/></zeroOrMore>
      </interleave>
    </element>
  </start>
  <define name="extension">
    <element>
      <anyName>
        <except>
          <name>type</name><name>title</name><name>detail</name><name>status</name><name>instance</name><name>i</name>
        </except>
      </anyName>
      <ref name="value"/>
    </element>
  </define>
  <define name="value">
    <choice>
      <text/>
      <oneOrMore><element name="i"><ref name="value"/></element></oneOrMore>
      <oneOrMore>
        <element>
          <anyName><except><name>i</name></except></anyName>
          <ref name="value"/>
        </element>
      </oneOrMore>
    </choice>
  </define>
</grammar>
"""
