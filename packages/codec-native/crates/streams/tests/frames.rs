//! Frames that stand for themselves.

use multifd_streams::{Fault, FrameCompressor, unpacker};

fn unpacked(frame: &[u8], size: usize) -> Result<Vec<u8>, Fault> {
    let mut output = vec![0xee; size];
    // SAFETY: the output is nobody else's.
    unsafe { unpacker("zstd")?.unpack(frame, &[output.as_mut_slice().into()]) }?;
    Ok(output)
}

#[test]
fn each_call_makes_a_frame_of_its_own() {
    let mut compressor = FrameCompressor::new(1).unwrap();
    let mut room = vec![0; 70_000];
    let repeated: Vec<u8> = (0..65_536_u32).map(|at| (at / 7) as u8).collect();
    for input in [&repeated[..], &repeated[..1], &[], &repeated[..4096], &repeated] {
        let size = compressor.compress(input, &mut room).unwrap();
        // A decoder that has seen no other.
        assert_eq!(unpacked(&room[..size], input.len()).unwrap(), input);
    }
    assert_eq!(compressor.compress(&repeated, &mut [0; 10]), Err(Fault::NoRoom));
    let size = compressor.compress(&repeated, &mut room).unwrap();
    assert_eq!(unpacked(&room[..size], repeated.len()).unwrap(), repeated);
}
