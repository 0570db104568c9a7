//! JSON text in and out. The reader says what is wrong in the words of Go's decoder, because clients see them.

use core::fmt::{self, Write as _};
use std::collections::BTreeMap;

use smol_str::SmolStr;

use crate::store::Tree;
use crate::store::text::Quoted;

/// How deep values may be nested. Go allows 10,000, which no object of this server comes near.
const DEPTH_MAX: u32 = 200;

/// Reads one value. Strings that are not UTF-8 are read as if with replacement characters, like the real server does.
///
/// Duplicate keys are all kept, in order.
///
/// # Errors
/// What is wrong, in the words of Go's `encoding/json`.
pub(crate) fn parse(text: &[u8]) -> Result<Tree, String> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    reader.skip_space();
    let tree = reader.value("looking for beginning of value")?;
    reader.skip_space();
    match reader.peek() {
        None => Ok(tree),
        Some(_) => Err(reader.unexpected("after top-level value")),
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    depth: u32,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// The error at the next byte, which does not fit.
    fn unexpected(&self, context: &str) -> String {
        match self.peek() {
            None => "unexpected end of JSON input".into(),
            Some(byte) => format!("invalid character {} {context}", quoted_byte(byte)),
        }
    }

    fn value(&mut self, context: &str) -> Result<Tree, String> {
        match self.peek() {
            Some(b'{') => self.nested(Self::map),
            Some(b'[') => self.nested(Self::list),
            Some(b'"') => self.string().map(Tree::Text),
            Some(b't') => self.word("true", Tree::Bool(true)),
            Some(b'f') => self.word("false", Tree::Bool(false)),
            Some(b'n') => self.word("null", Tree::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.unexpected(context)),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Tree, String>) -> Result<Tree, String> {
        if self.depth == DEPTH_MAX {
            return Err("exceeded max depth".into());
        }
        self.depth += 1;
        self.at += 1;
        self.skip_space();
        let tree = read(self);
        self.depth -= 1;
        tree
    }

    fn map(&mut self) -> Result<Tree, String> {
        let mut entries = Vec::new();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Tree::Map(entries));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("looking for beginning of object key string"));
            }
            let key = self.string()?;
            self.skip_space();
            if self.peek() != Some(b':') {
                return Err(self.unexpected("after object key"));
            }
            self.at += 1;
            self.skip_space();
            let value = self.value("looking for beginning of value")?;
            entries.push((key, value));
            if self.ends(b'}', "after object key:value pair")? {
                return Ok(Tree::Map(entries));
            }
        }
    }

    fn list(&mut self) -> Result<Tree, String> {
        let mut items = Vec::new();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Tree::List(items));
        }
        loop {
            items.push(self.value("looking for beginning of value")?);
            if self.ends(b']', "after array element")? {
                return Ok(Tree::List(items));
            }
        }
    }

    /// After an item: whether it was the last.
    fn ends(&mut self, close: u8, context: &str) -> Result<bool, String> {
        self.skip_space();
        match self.peek() {
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(true)
            }
            Some(b',') => {
                self.at += 1;
                self.skip_space();
                Ok(false)
            }
            _ => Err(self.unexpected(context)),
        }
    }

    fn word(&mut self, word: &str, tree: Tree) -> Result<Tree, String> {
        for expected in word.bytes() {
            if self.peek() != Some(expected) {
                let expected = char::from(expected);
                return Err(self.unexpected(&format!("in literal {word} (expecting '{expected}')")));
            }
            self.at += 1;
        }
        Ok(tree)
    }

    fn number(&mut self) -> Result<Tree, String> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(self.unexpected("in numeric literal")),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.some_digits("after decimal point in numeric literal")?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.some_digits("in exponent of numeric literal")?;
        }
        let text = core::str::from_utf8(&self.text[start..self.at]).unwrap_or_default();
        Ok(Tree::Number(text.into()))
    }

    fn digits(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }

    fn some_digits(&mut self, context: &str) -> Result<(), String> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.unexpected(context));
        }
        self.digits();
        Ok(())
    }

    fn string(&mut self) -> Result<SmolStr, String> {
        self.at += 1;
        let start = self.at;
        // The common case: nothing to unescape.
        while matches!(self.peek(), Some(byte) if byte >= b' ' && byte != b'"' && byte != b'\\') {
            self.at += 1;
        }
        let plain = String::from_utf8_lossy(&self.text[start..self.at]);
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(SmolStr::new(plain));
        }
        let mut string = plain.into_owned();
        let mut run = self.at;
        loop {
            match self.peek() {
                Some(b'"') => {
                    string.push_str(&String::from_utf8_lossy(&self.text[run..self.at]));
                    self.at += 1;
                    return Ok(string.into());
                }
                Some(b'\\') => {
                    string.push_str(&String::from_utf8_lossy(&self.text[run..self.at]));
                    self.at += 1;
                    string.push(self.escape()?);
                    run = self.at;
                }
                Some(byte) if byte >= b' ' => self.at += 1,
                _ => return Err(self.unexpected("in string literal")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, String> {
        let plain = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.code_point();
            }
            _ => return Err(self.unexpected("in string escape code")),
        };
        self.at += 1;
        Ok(plain)
    }

    fn code_point(&mut self) -> Result<char, String> {
        let first = self.four_digits()?;
        if !(0xd800..0xdc00).contains(&first) {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let back = self.at;
        if self.text[self.at..].starts_with(b"\\u") {
            self.at += 2;
            let second = self.four_digits()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = back;
        }
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn four_digits(&mut self) -> Result<u32, String> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else {
                return Err(self.unexpected("in \\u hexadecimal character escape"));
            };
            code = code << 4 | digit;
            self.at += 1;
        }
        Ok(code)
    }
}

/// The value as Go's maps hold it: of several entries with one key, the last.
pub(crate) fn last_of_each(tree: &Tree) -> Tree {
    match tree {
        Tree::Map(entries) => {
            let last: BTreeMap<&SmolStr, &Tree> = entries.iter().map(|(key, value)| (key, value)).collect();
            let mut kept = Vec::with_capacity(last.len());
            for (key, value) in entries {
                if last.get(key).is_some_and(|last| core::ptr::eq(*last, value)) {
                    kept.push((key.clone(), last_of_each(value)));
                }
            }
            Tree::Map(kept)
        }
        Tree::List(items) => Tree::List(items.iter().map(last_of_each).collect()),
        other => other.clone(),
    }
}

/// A byte as Go's decoder quotes it, which takes it for a Latin-1 character.
fn quoted_byte(byte: u8) -> String {
    match byte {
        b'\'' => r"'\''".into(),
        b'"' => "'\"'".into(),
        byte => {
            let quoted = Quoted(char::from(byte).encode_utf8(&mut [0; 4])).to_string();
            format!("'{}'", &quoted[1..quoted.len() - 1])
        }
    }
}

/// What most fields of answers take less than: growing step by step costs more than writing.
const TYPICAL_BYTES: usize = 128;

/// Writes a value without white space.
pub(crate) fn write(tree: &Tree, out: &mut String) {
    match tree {
        Tree::Null => out.push_str("null"),
        Tree::Bool(true) => out.push_str("true"),
        Tree::Bool(false) => out.push_str("false"),
        Tree::Number(text) => out.push_str(text),
        Tree::Text(text) => write_string(text, out),
        Tree::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Tree::Map(entries) => {
            out.push('{');
            for (index, (key, value)) in entries.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_string(key, out);
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
    }
}

/// A value without white space.
pub(crate) fn to_string(tree: &Tree) -> String {
    let mut out = String::with_capacity(TYPICAL_BYTES);
    write(tree, &mut out);
    out
}

/// A value with a line for each entry, as the server sends it to people.
pub(crate) fn write_pretty(tree: &Tree, indent: usize, out: &mut String) {
    let line = |out: &mut String, indent: usize| {
        out.push('\n');
        out.extend(core::iter::repeat_n("  ", indent));
    };
    let (open, close, count) = match tree {
        Tree::List(items) if !items.is_empty() => ('[', ']', items.len()),
        Tree::Map(entries) if !entries.is_empty() => ('{', '}', entries.len()),
        other => return write(other, out),
    };
    out.push(open);
    for index in 0..count {
        if index > 0 {
            out.push(',');
        }
        line(out, indent + 1);
        match tree {
            Tree::Map(entries) => {
                let (key, value) = &entries[index];
                write_string(key, out);
                out.push_str(": ");
                write_pretty(value, indent + 1, out);
            }
            other => write_pretty(&other.items()[index], indent + 1, out),
        }
    }
    line(out, indent);
    out.push(close);
}

/// Go's encoder also escapes what HTML would read, and what JavaScript would take for the end of a line.
fn write_string(text: &str, out: &mut String) {
    const FIRST_OF_SEPARATORS: u8 = 0xe2;
    out.push('"');
    let mut run = 0;
    for (at, byte) in text.bytes().enumerate() {
        let is_plain =
            byte >= b' ' && !matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'&' | FIRST_OF_SEPARATORS);
        if is_plain {
            continue;
        }
        if byte == FIRST_OF_SEPARATORS {
            let separator = text[at..].chars().next().filter(|c| matches!(c, '\u{2028}' | '\u{2029}'));
            if let Some(separator) = separator {
                out.push_str(&text[run..at]);
                run = at + separator.len_utf8();
                let _infallible = write!(out, "\\u{:04x}", u32::from(separator));
            }
            continue;
        }
        out.push_str(&text[run..at]);
        run = at + 1;
        let _infallible = match byte {
            b'"' => out.write_str("\\\""),
            b'\\' => out.write_str("\\\\"),
            b'\n' => out.write_str("\\n"),
            b'\r' => out.write_str("\\r"),
            b'\t' => out.write_str("\\t"),
            8 => out.write_str("\\b"),
            12 => out.write_str("\\f"),
            byte => write!(out, "\\u{byte:04x}"),
        };
    }
    out.push_str(&text[run..]);
    out.push('"');
}

/// Shows a value as JSON.
pub(crate) struct Shown<'a>(pub(crate) &'a Tree);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_string(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_back() {
        for text in [r#"{"a":[1,-2.5e+3,true,false,null,{}],"b":"\"\\\n\u0001é\u003c"}"#, "[]", r#""𝄞""#, "0"]
        {
            let tree = parse(text.as_bytes()).unwrap();
            assert_eq!(to_string(&tree), text);
            let mut pretty = String::new();
            write_pretty(&tree, 0, &mut pretty);
            assert_eq!(parse(pretty.as_bytes()).unwrap(), tree);
        }
        assert_eq!(parse(br#""\ud834\udd1e\ud834x""#).unwrap(), Tree::text("\u{1d11e}\u{fffd}x"));
        assert_eq!(parse(b"\"\xff\"").unwrap(), Tree::text("\u{fffd}"));
    }

    #[test]
    fn errors_are_those_of_go() {
        for (text, error) in [
            ("", "unexpected end of JSON input"),
            ("{", "unexpected end of JSON input"),
            ("{\"a\":1,}", "invalid character '}' looking for beginning of object key string"),
            ("{\"a\" 1}", "invalid character '1' after object key"),
            ("{\"a\":1 2}", "invalid character '2' after object key:value pair"),
            ("[1 2]", "invalid character '2' after array element"),
            ("nul!", "invalid character '!' in literal null (expecting 'l')"),
            ("01", "invalid character '1' after top-level value"),
            ("1.x", "invalid character 'x' after decimal point in numeric literal"),
            ("\"\n\"", "invalid character '\\n' in string literal"),
            ("\"\\q\"", "invalid character 'q' in string escape code"),
            ("hello", "invalid character 'h' looking for beginning of value"),
            ("'", "invalid character '\\'' looking for beginning of value"),
        ] {
            assert_eq!(parse(text.as_bytes()), Err(error.to_owned()), "{text}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(parse(deep.as_bytes()), Err("exceeded max depth".to_owned()));
    }
}
