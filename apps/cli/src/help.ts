/** Texts of --help: they teach by examples, and name the defaults. */

export const ROOT_HELP = `
Examples:
  multifd migrate                                  move a demo guest of 1 GiB into a second process, and compare
  multifd receive tcp::4444                        wait for a guest, from a multifd or from QEMU
  multifd relay tcp::4444 tcp:192.0.2.7:4445       let a QEMU guest migrate through, into another QEMU
  multifd inspect guest.mig                        what is in a migration file
  multifd accel list                               what can check for zero pages on this machine
  multifd migrate --help                           sources, destinations, options

Exit codes: 0 done; 1 failed, the guest is at its source unless the error says that both may have it; 2 usage;
            3 accelerator, compression or host not available; 4 the peer does not fit; 5 the guest has left, do not
            start it at its source, but it is not verified (interrupted, or a difference), or the source does not
            let go of it (guest-at: either); 130 interrupted, the guest is at its source. --json says who has the guest: guest-at`;

export const MIGRATE_HELP = `
SOURCE (default demo:1G):
  demo:SIZE[,zero=F][,populate][,dirty=RATE][,fill=random|text][,seed=N][,backing=B][,tracker=T]
      a guest made up here: SIZE of RAM (4K and up), of which the share F is zero pages (default 0.5). They are
      memory that was never touched, or with populate memory that was written with zeros once. With dirty=RATE a
      vCPU runs and writes RATE bytes a second until the switchover (default: it stands still). fill: what the other
      pages hold (default random). The same seed gives the same memory (default 1). backing: where it lives, on both
      ends of a loopback: anon (anonymous memory, the default where host-linux is there), thp (with huge pages), memfd,
      file, or wasm (WebAssembly memory, anywhere). tracker: how the vCPU's writes are seen: uffd, soft-dirty, digest,
      marks (it marks them itself), or auto (default).
  raw:FILE
      a RAM image, which moves as the block pc.ram; holes of a sparse file are not read
  raw:DIR
      the images that \`multifd receive LISTEN raw:DIR\` wrote
  file:FILE
      a guest in QEMU's mapped-ram migration file, of QEMU's or of \`multifd receive LISTEN file:FILE\`, with its machine
      type, uuid and device state; or one that libvirt saved with its format sparse
  file:FILE,offset=N
      the same, where the stream begins at byte N of FILE

DESTINATION (default loopback):
  loopback         a second process on this machine, started and ended with this one
  tcp:HOST:PORT, unix:PATH
      a \`multifd receive\`, or a QEMU with -incoming (demo: then needs --no-verify)

SIZE and RATE take the suffixes K, M, G, T (1024 each).

Examples:
  multifd migrate
  multifd migrate demo:4G,zero=0.9,dirty=64M --channels 4
  multifd migrate demo:256M --zero-page-detection legacy --json
  multifd migrate raw:guest.ram tcp:192.0.2.7:4444 --verify
  multifd migrate raw:guest.ram unix:/run/incoming.sock --max-bandwidth 100M --downtime-limit 50
  multifd migrate file:guest.mig tcp:192.0.2.7:4444
  multifd migrate raw:guest.ram tcp:192.0.2.7:4444 --machine-type pc-q35-7.2
  multifd migrate demo:100G,zero=1,backing=memfd
  multifd migrate demo:1G,fill=text --compression zstd --multifd-zstd-level 3
  multifd migrate demo:1G tcp:192.0.2.7:4444 --compression ./my-codec
  multifd migrate raw:guest.ram tcp:192.0.2.7:4444 --compression auto
  multifd migrate --accel avx512
  multifd migrate --accel ./my-accelerator`;

export const ACCEL_HELP = `
Examples:
  multifd accel list
  multifd accel bench --json
  multifd accel bench --accel ./my-accelerator
  multifd accel bench --accel gpu                  a graphics card against the best that the CPU has

MULTIFD_ACCEL=NAME is the same as --accel NAME for every migrate that has no --accel of its own.`;

export const RECEIVE_HELP = `
LISTEN (default tcp:127.0.0.1:4444):
  tcp:HOST:PORT    no host means this machine only; port 0 takes a free one, which is told on stderr
  unix:PATH

TARGET (default: memory):
  memory:B         memory that is given up when the command ends; B is anon, thp, memfd, file or wasm
  file:FILE        a mapped-ram migration file, which QEMU 9.0 and later load; there only when it is complete
  raw:DIR          one sparse image for each RAM block, DIR/NAME.raw, there only when it is complete

Examples:
  multifd receive
  multifd receive tcp::4444 raw:incoming
  multifd receive tcp::4444 file:guest.mig
  multifd receive unix:/run/incoming.sock raw:incoming --channels 4
  multifd receive tcp::4444 file:guest.mig --compression zstd
  multifd receive tcp:0.0.0.0:4444 --uuid 550e8400-e29b-41d4-a716-446655440000

From QEMU: migrate_set_capability multifd on, migrate_set_capability return-path on,
           migrate_set_parameter multifd-channels 2, migrate -d tcp:HOST:PORT`;

export const RELAY_HELP = `
The source's sync mode and zero pages are taken as they come. The destination gets what the guest's machine type
demands; --zero-page-detection and --machine-compat say otherwise. Give the source a return path (migrate_set_capability return-path on): then it completes only when the
destination has, and otherwise its guest runs on.

Examples:
  multifd relay tcp::4444 tcp:192.0.2.7:4445
  multifd relay tcp::4444 unix:/run/incoming.sock --channels 2 --outgoing-multifd-channels 8
  multifd relay tcp::4444 tcp:192.0.2.7:4445 --machine-compat 7.2
  multifd relay tcp::4444 tcp:192.0.2.7:4445 --outgoing-multifd-compression zstd    plain in, compressed out`;

export const INSPECT_HELP = `
FILE is what QEMU wrote with migrate "file:FILE", with the capability mapped-ram or without, or with
"exec:cat > FILE", what libvirt wrote with save, or what \`multifd receive LISTEN file:FILE\` wrote; also packed with
gzip or zstd. FILE,offset=N begins at byte N. RAM is not read.

Examples:
  multifd inspect guest.mig
  multifd inspect guest.mig --json | jq '.devices[] | select(.name == "cpu") | .state'`;
