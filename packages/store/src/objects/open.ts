import { DiskObjects } from './disk.js';
import type { ObjectPlace, ObjectStore } from './object-store.js';
import { S3Objects } from './s3.js';

export function openObjects(place: ObjectPlace): ObjectStore {
  switch (place.kind) {
    case 'disk':
      return new DiskObjects(place.directory, undefined, place.mark);
    case 's3':
      return new S3Objects(place);
  }
}
