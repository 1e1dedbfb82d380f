import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { loadBinding } from '../src/load.js';

const built = 'binding' in loadBinding();
const root = fileURLToPath(new URL('..', import.meta.url));

/** What the crate's own tests say: the name of each, and how it ended. */
function crateTests(): Map<string, string> {
  const args = ['test', '--locked', '--quiet', '-p', 'multifd-streams', '--', '--format', 'pretty'];
  const output = execFileSync('cargo', args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return new Map(
    [...output.matchAll(/^test (\w+) \.\.\. (.*)$/gm)].map(([, name = '', said = '']) => [name, said]),
  );
}

// Required: it is there, or this fails.
const able = process.env.MULTIFD_NATIVE === 'required' || (built && hasCargo());

describe.skipIf(!able)('the crate that has both streams', () => {
  const said = able ? crateTests() : new Map<string, string>();
  test.each([
    'a_channel_goes_on_over_its_packets',
    'each_call_makes_a_frame_of_its_own',
    'every_cut_is_refused',
    'faults_say_what_is_wrong',
    'too_small_an_output_is_an_error',
    'no_other_method_and_no_other_level',
    'pages_come_and_go_in_pieces',
    'a_page_is_copied_before_it_is_compressed',
    'no_level_gives_1_percent_less_than_zlib',
    'a_packet_ends_where_it_may_and_nowhere_else',
    'each_bit_the_other_way_round_does_no_harm',
    'frames_that_must_be_refused',
    'streams_that_must_be_refused',
    'spoilt_payloads_do_no_harm',
  ])('%s', (name) => {
    expect(said.get(name)).toBe('ok');
  });
});

function hasCargo(): boolean {
  try {
    execFileSync('cargo', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
