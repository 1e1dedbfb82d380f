import {
  EOS_RECORD,
  encodeBlockList,
  encodeCommand,
  encodeConfiguration,
  encodeDeviceSection,
  encodeEndOfSections,
  encodeFileHeader,
  encodeFooter,
  encodePageRecordHeader,
  encodeSectionPart,
  encodeSectionStart,
  encodeVmDescription,
  encodeZeroRecord,
  FLUSH_RECORD,
} from '../../src/public/wire.js';
import type { TwinPiece } from './twin.js';

/** The twin's pieces, written by the code under test. */
export function encodeWithSrc(pieces: readonly TwinPiece[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces.map(encodePiece)));
}

function encodePiece(piece: TwinPiece): Uint8Array {
  switch (piece.kind) {
    case 'header':
      return encodeFileHeader();
    case 'configuration': {
      const { kind, bits, ...others } = piece;
      return encodeConfiguration(bits === undefined ? others : { ...others, targetPageBits: bits });
    }
    case 'command':
      return encodeCommand(piece.command, piece.data);
    case 'start':
      return encodeSectionStart('start', piece.id, piece.idstr, piece.instance, piece.version);
    case 'part':
    case 'end':
      return encodeSectionPart(piece.kind, piece.id);
    case 'footer':
      return encodeFooter(piece.id);
    case 'blocks':
      return encodeBlockList(piece.blocks);
    case 'zero':
      return encodeZeroRecord(piece.offset, piece.block);
    case 'page':
      return Buffer.concat([encodePageRecordHeader(piece.offset, piece.block), piece.data]);
    case 'flush':
      return FLUSH_RECORD;
    case 'eos':
      return EOS_RECORD;
    case 'eof':
      return encodeEndOfSections();
    case 'no-bitmap':
      return Buffer.concat([
        encodeSectionStart('start', piece.id, 'dirty-bitmap', 0, 1),
        Uint8Array.of(1),
        encodeFooter(piece.id),
      ]);
    case 'device':
      return encodeDeviceSection(piece.id, piece.device);
    case 'description':
      return encodeVmDescription(piece.json);
  }
}
