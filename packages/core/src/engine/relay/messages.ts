import type { MigrationParameters } from '../../parameters.js';
import type { SendLink } from '../../send/messages.js';
import type { IncomingThreadData } from '../destination/messages.js';
import type { TransitDescriptor } from './transit.js';

/** The outgoing side, as a relay's threads share it. An epoch is opened when a sync of the incoming side is due. */
export interface RelayLink extends SendLink {
  /** The given parameters: the guest's machine type does not change these (`parametersFor`). */
  readonly given: Partial<MigrationParameters>;
  readonly transit: TransitDescriptor;
}

/** What each incoming thread of a relay is started with. */
export interface RelayThreadData extends IncomingThreadData {
  readonly relay: RelayLink;
}
