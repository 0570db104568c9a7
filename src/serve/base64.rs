//! Base64 (RFC 4648): the standard alphabet with padding for data, the URL-safe one without for tokens.

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The standard alphabet, padded.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = encode_with(bytes, STANDARD);
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

/// The URL-safe alphabet, not padded.
pub(crate) fn encode_url(bytes: &[u8]) -> String {
    encode_with(bytes, URL)
}

/// Reads the standard alphabet.
///
/// # Errors
/// Where the first byte is that does not belong there.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, usize> {
    let body = text.trim_end_matches('=');
    // What is no digit is told before what is missing.
    let decoded = decode_with(body, STANDARD)?;
    if !text.len().is_multiple_of(4) || text.len() - body.len() > 2 {
        return Err(body.len());
    }
    Ok(decoded)
}

/// Reads the URL-safe alphabet without padding; where it cannot be read, as Go's decoder counts: a last digit on its own is
/// where it stands.
pub(crate) fn decode_url(text: &str) -> Result<Vec<u8>, usize> {
    decode_with(text, URL).map_err(|at| at.min(text.len() - 1))
}

fn encode_with(bytes: &[u8], alphabet: &[u8; 64]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let padded = [chunk[0], chunk.get(1).copied().unwrap_or(0), chunk.get(2).copied().unwrap_or(0)];
        let bits = u32::from_be_bytes([0, padded[0], padded[1], padded[2]]);
        for place in 0..=chunk.len() {
            text.push(char::from(alphabet[(bits >> (18 - 6 * place) & 63) as usize]));
        }
    }
    text
}

fn decode_with(text: &str, alphabet: &[u8; 64]) -> Result<Vec<u8>, usize> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    let (mut bits, mut count) = (0_u32, 0);
    for (at, byte) in text.bytes().enumerate() {
        let digit = alphabet.iter().position(|&known| known == byte).ok_or(at)?;
        bits = bits << 6 | u32::try_from(digit).unwrap_or(0);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    if count >= 6 { Err(text.len()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_alphabets_read_back() {
        for length in 0..20_u8 {
            let bytes: Vec<u8> = (0..length).map(|n| n.wrapping_mul(53) ^ 0xfb).collect();
            assert_eq!(decode(&encode(&bytes)), Ok(bytes.clone()));
            assert_eq!(decode_url(&encode_url(&bytes)), Ok(bytes));
        }
        assert_eq!(encode(b"ab"), "YWI=");
        assert_eq!(decode("YW*="), Err(2));
        assert_eq!(decode("YWI"), Err(3));
        assert_eq!((decode_url("!"), decode_url("YWIjx")), (Err(0), Err(4)));
    }
}
