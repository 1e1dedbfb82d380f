//! How TLS 1.3 protects records of one direction (RFC 8446, 5 and 7): keys from a traffic secret, a nonce from a count.

use std::fmt;
use std::ops::Range;

use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, HKDF_SHA384, KeyType, Prk};

use crate::fault::{Code, Fault, Result};

/// Bytes in front of a record: type, version, length.
pub const HEADER: usize = 5;
/// Bytes behind its content: the content's type, and the tag.
pub const BEHIND: usize = 1 + TAG;
/// Most bytes of content.
pub const CONTENT: usize = 1 << 14;
/// Most bytes of a whole record, with what another end may pad it with.
pub const LONGEST: usize = HEADER + CONTENT + 256;

const TAG: usize = 16;
const NONCE: usize = 12;

pub const ALERT: u8 = 21;
pub const HANDSHAKE: u8 = 22;
pub const APPLICATION_DATA: u8 = 23;

/// A cipher suite of TLS 1.3.
#[derive(Clone, Copy)]
pub struct Suite {
    aead: &'static Algorithm,
    hash: ring::hkdf::Algorithm,
}

impl Suite {
    /// By IANA's name.
    pub fn named(name: &str) -> Option<Suite> {
        let (aead, hash) = match name {
            "TLS_AES_128_GCM_SHA256" => (&AES_128_GCM, HKDF_SHA256),
            "TLS_AES_256_GCM_SHA384" => (&AES_256_GCM, HKDF_SHA384),
            "TLS_CHACHA20_POLY1305_SHA256" => (&CHACHA20_POLY1305, HKDF_SHA256),
            _ => return None,
        };
        Some(Suite { aead, hash })
    }
}

impl fmt::Debug for Suite {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}", self.aead)
    }
}

/// The keys of one direction, and how many records they have protected.
pub struct Protection {
    suite: Suite,
    secret: Prk,
    key: LessSafeKey,
    iv: [u8; NONCE],
    sequence: u64,
}

impl fmt::Debug for Protection {
    /// Without keys.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Protection({:?}, {} records)", self.suite, self.sequence)
    }
}

/// A length of what is derived.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl Protection {
    /// @param secret a traffic secret, as SSLKEYLOGFILE has it.
    pub fn new(suite: Suite, secret: &[u8]) -> Result<Protection> {
        if secret.len() != suite.hash.hmac_algorithm().digest_algorithm().output_len() {
            return Err(Fault::new(
                Code::Internal,
                "a TLS secret is not as long as its suite's hash",
            ));
        }
        Protection::of(suite, Prk::new_less_safe(suite.hash, secret))
    }

    fn of(suite: Suite, secret: Prk) -> Result<Protection> {
        let mut key = vec![0; suite.aead.key_len()];
        expand(&secret, b"key", &mut key)?;
        let mut iv = [0; NONCE];
        expand(&secret, b"iv", &mut iv)?;
        let key = UnboundKey::new(suite.aead, &key).map_err(|_| refused("make a key"))?;
        Ok(Protection {
            suite,
            secret,
            key: LessSafeKey::new(key),
            iv,
            sequence: 0,
        })
    }

    /// Records so far.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// So many records were protected before. Whoever is wrong is not understood: no record opens.
    pub fn continue_from(&mut self, records: u64) {
        self.sequence = records;
    }

    /// The keys that follow these, once a KeyUpdate is sent or has come.
    pub fn update(&mut self) -> Result<()> {
        let mut next = vec![0; self.suite.hash.hmac_algorithm().digest_algorithm().output_len()];
        expand(&self.secret, b"traffic upd", &mut next)?;
        *self = Protection::new(self.suite, &next)?;
        Ok(())
    }

    /// Protects a record: its content lies behind room for the header, and room for type and tag lies behind it.
    pub fn seal(&mut self, record: &mut [u8], kind: u8) -> Result<()> {
        let length = u16::try_from(record.len() - HEADER).map_err(|_| refused("write a record that long"))?;
        let (header, rest) = record.split_at_mut(HEADER);
        header[..3].copy_from_slice(&[APPLICATION_DATA, 3, 3]);
        header[3..].copy_from_slice(&length.to_be_bytes());
        let (content, tag) = rest.split_at_mut(rest.len() - TAG);
        if let Some(last) = content.last_mut() {
            *last = kind;
        }
        let made = self
            .key
            .seal_in_place_separate_tag(self.nonce(), Aad::from(&*header), content)
            .map_err(|_| refused("encrypt"))?;
        tag.copy_from_slice(made.as_ref());
        self.count()
    }

    /// Decrypts a whole record in place. @returns the type of its content, and where that lies in it; nothing if these keys
    /// have not protected it: then it is destroyed.
    pub fn open(&mut self, record: &mut [u8]) -> Result<Option<(u8, Range<usize>)>> {
        let (header, rest) = record.split_at_mut(HEADER);
        let Ok(plain) = self.key.open_in_place(self.nonce(), Aad::from(&*header), rest) else {
            return Ok(None);
        };
        // Zeros behind the type are padding.
        let Some(at) = plain.iter().rposition(|&byte| byte != 0) else {
            return Err(broken("a record without a type"));
        };
        if at > CONTENT {
            return Err(broken("a record that is too long"));
        }
        let kind = plain[at];
        self.count()?;
        Ok(Some((kind, HEADER..HEADER + at)))
    }

    fn nonce(&self) -> Nonce {
        let mut nonce = self.iv;
        for (byte, count) in nonce[NONCE - 8..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *byte ^= count;
        }
        Nonce::assume_unique_for_key(nonce)
    }

    fn count(&mut self) -> Result<()> {
        self.sequence = self.sequence.checked_add(1).ok_or_else(|| refused("count further"))?;
        Ok(())
    }
}

/// HKDF-Expand-Label without a context (RFC 8446, 7.1).
fn expand(secret: &Prk, label: &[u8], target: &mut [u8]) -> Result<()> {
    let length = target.len() as u16;
    let labelled = [b"tls13 ", label].concat();
    let info: [&[u8]; 4] = [&length.to_be_bytes(), &[labelled.len() as u8], &labelled, &[0]];
    secret
        .expand(&info, Length(target.len()))
        .and_then(|made| made.fill(target))
        .map_err(|_| refused("derive a key"))
}

/// Bytes of the record that begins here, header included; nothing if the header is not there yet.
pub fn record_length(bytes: &[u8]) -> Option<usize> {
    let header = bytes.get(..HEADER)?;
    Some(HEADER + usize::from(u16::from_be_bytes([header[3], header[4]])))
}

/// What the other end sent is not TLS as it must be.
pub fn broken(what: &str) -> Fault {
    Fault::new(Code::PeerClosed, format!("the connection broke: TLS: {what}"))
}

fn refused(what: &str) -> Fault {
    Fault::new(Code::Internal, format!("TLS: cannot {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex"))
            .collect()
    }

    /// RFC 8448, 3: the client's application data, and its alert behind it.
    #[test]
    fn records_are_those_of_rfc_8448() {
        let suite = Suite::named("TLS_AES_128_GCM_SHA256").expect("it is known");
        let secret = hex("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5");
        let mut protection = Protection::new(suite, &secret).expect("as long as SHA-256");
        let content: Vec<u8> = (0..50).collect();
        let mut record = [&[0; HEADER], &content[..], &[0; BEHIND]].concat();
        protection.seal(&mut record, APPLICATION_DATA).expect("it seals");
        assert_eq!(
            record,
            hex(
                "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4"
            )
        );
        let mut alert = [&[0; HEADER], &[1, 0][..], &[0; BEHIND]].concat();
        protection.seal(&mut alert, ALERT).expect("it seals");
        assert_eq!(alert, hex("1703030013c9872760655666b74d7ff1153efd6db6d0b0e3"));

        let mut other = Protection::new(suite, &secret).expect("as long as SHA-256");
        assert_eq!(
            other.open(&mut record).expect("it opens"),
            Some((APPLICATION_DATA, HEADER..HEADER + 50))
        );
        assert_eq!(&record[HEADER..HEADER + 50], &content[..]);
        assert_eq!(
            other.open(&mut alert).expect("it opens"),
            Some((ALERT, HEADER..HEADER + 2))
        );
    }

    #[test]
    fn a_changed_record_is_refused_and_padding_is_dropped() {
        for name in [
            "TLS_AES_128_GCM_SHA256",
            "TLS_AES_256_GCM_SHA384",
            "TLS_CHACHA20_POLY1305_SHA256",
        ] {
            let suite = Suite::named(name).expect("it is known");
            let secret = vec![7; if name.ends_with("384") { 48 } else { 32 }];
            let both = || Protection::new(suite, &secret).expect("as long as its hash");
            // Zeros behind the type: what `seal` takes for content ends with the real type.
            let mut record = [&[0; HEADER], &[5, 6, APPLICATION_DATA, 0, 0][..], &[0; BEHIND]].concat();
            let mut sender = both();
            sender.seal(&mut record, 0).expect("it seals");
            let mut changed = record.clone();
            changed[HEADER] ^= 1;
            let mut receiver = both();
            assert_eq!(receiver.open(&mut changed).expect("no fault"), None);
            let opened = receiver.open(&mut record).expect("it opens");
            assert_eq!(opened, Some((APPLICATION_DATA, HEADER..HEADER + 2)), "{name}");

            let old = both();
            sender.update().expect("it updates");
            assert_eq!(sender.sequence(), 0);
            assert_ne!(old.iv, sender.iv);
        }
    }
}
