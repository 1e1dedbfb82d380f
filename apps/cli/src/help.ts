/** Texts of --help. They name the defaults and give examples. */

export const ROOT_HELP = `
Examples:
  multifd migrate                                  migrate a 1 GiB demo guest to a second process, and verify it
  multifd receive tcp::4444                        wait for a guest from multifd or QEMU
  multifd relay tcp::4444 tcp:192.0.2.7:4445       forward a guest from one QEMU to another
  multifd inspect guest.mig                        show what a migration file contains
  multifd convert guest.mig core:guest.core        make a dump for crash, drgn, volatility3 and gdb
  multifd store ls guests                          list the snapshots of a store
  multifd tls init tls --host dst.example          make credentials for --tls-creds
  multifd accel list                               list what can find zero pages on this machine
  multifd bench                                    measure migrations on this machine, beside QEMU
  multifd migrate --help                           sources, destinations, options

Exit codes:
  0    completed
  1    failed; the source, if it still runs, has the guest, unless the error says that both ends may have it
  2    wrong usage
  3    accelerator, compression or host not available
  4    source and destination are incompatible
  5    the guest has left, so do not start it at its source; but it is not verified (interrupted, or the two sides
       differ), or the source did not release it (guest-at: either)
  130  interrupted; the source, if it still runs, has the guest
The first SIGINT, SIGTERM or SIGHUP cancels, or says what is waited for; a second one ends the process at once, and
says who has the guest.
With --json, guest-at says who has the guest.`;

export const MIGRATE_HELP = `
SOURCE (default demo:1G):
  demo:SIZE[,zero=F][,populate][,dirty=RATE][,fill=random|text][,seed=N][,backing=B][,tracker=T]
      a synthetic guest with SIZE of RAM (default 1G, at least 4K)
      zero       the share of zero pages (default 0.5)
      populate   write zeros to the zero pages once; without it they are never touched
      dirty      a vCPU runs and writes RATE bytes a second until the switchover (default: the guest is paused)
      fill       content of the other pages (default random)
      seed       the same seed gives the same memory (default 1)
      backing    what the RAM is, on both ends of a loopback: auto (default: anonymous memory, with huge pages where three
                 quarters of one or more are written; wasm without host-linux), anon (small pages only), thp (huge pages
                 wherever the kernel can), memfd, file, or wasm (WebAssembly memory, on every system)
      tracker    what finds the vCPU's writes: uffd, soft-dirty, digest, marks (the vCPU marks the pages itself),
                 or auto (default)
  raw:FILE
      a RAM image, sent as the block pc.ram; holes of a sparse file are not read
  raw:DIR
      the images that \`multifd receive LISTEN raw:DIR\` wrote, all of the guest that multifd.json there describes
  file:FILE
      a mapped-ram migration file that QEMU or \`multifd receive LISTEN file:FILE\` wrote, with machine type, uuid and
      device state; or a guest that libvirt saved with --image-format sparse
  file:FILE,offset=N
      the same, with the stream at byte N of FILE
  store:DIR#NAME
      the snapshot NAME of the store in DIR, with machine type, uuid and device state

DESTINATION (default loopback):
  loopback         a second process on this machine; this one starts and ends it
  tcp:HOST:PORT, unix:PATH
      a \`multifd receive\`, or a QEMU with -incoming (a demo: guest then needs --no-verify)

SIZE and RATE take the suffixes K, M, G, T (1024 each; MB and MiB are M).

Examples:
  multifd migrate
  multifd migrate demo:4G,zero=0.9,dirty=64M --channels 4
  multifd migrate demo:256M --zero-page-detection legacy --json
  multifd migrate raw:guest.ram tcp:192.0.2.7:4444 --verify
  multifd migrate raw:guest.ram unix:/run/incoming.sock --max-bandwidth 100M --downtime-limit 50
  multifd migrate demo:4G,dirty=1G --auto-converge --timeout 60000 --limit-action suspend
  multifd migrate demo:4G --progress json --metrics 127.0.0.1:9464 --trace migration.jsonl
  multifd migrate file:guest.mig tcp:192.0.2.7:4444
  multifd migrate store:guests#monday tcp:192.0.2.7:4444
  multifd migrate raw:guest.ram tcp:192.0.2.7:4444 --machine-type pc-q35-7.2
  multifd migrate demo:100G,zero=1,backing=memfd
  multifd migrate demo:1G,fill=text --compression zstd --multifd-zstd-level 3
  multifd migrate demo:1G tcp:192.0.2.7:4444 --compression ./my-codec
  multifd migrate raw:guest.ram tcp:192.0.2.7:4444 --compression auto
  multifd migrate --accel avx512
  multifd migrate --accel ./my-accelerator
  multifd migrate --accel ./my-accelerator:fast:depth=16,pin=on`;

export const ACCEL_HELP = `
Examples:
  multifd accel list
  multifd accel bench --json
  multifd accel bench --accel ./my-accelerator
  multifd accel bench --accel ./several.mjs:fast --batch 512
  multifd accel bench --accel gpu                  compare a graphics card with the best that the CPU has

Settings follow the name or module, as accel list shows them: NAME:key=value,key=value. A comma in a value is written twice.
MULTIFD_ACCEL=NAME stands for --accel NAME in every migrate and relay without --accel.`;

export const RECEIVE_HELP = `
LISTEN (default tcp:127.0.0.1:4444):
  tcp:HOST:PORT    without HOST, only this machine can connect; port 0 takes a free port and prints it on stderr
  unix:PATH

TARGET (default: memory):
  memory:B         memory, freed when the command ends; B is auto (default; huge pages where much arrives), anon (small
                   pages only), thp (huge pages wherever the kernel can), memfd, file or wasm
  file:FILE        a mapped-ram migration file, for QEMU 9.0 and later; FILE appears once it is complete
  raw:DIR          one sparse image for each RAM block, DIR/NAME.raw; and multifd.json, which describes them; they appear
                   once all are complete. No device state. --force replaces a guest that DIR already holds
  core:FILE        an ELF dump for crash, drgn, volatility3 and gdb, as \`multifd convert\` makes it
  store:DIR#NAME   the snapshot NAME in the store in DIR, which is made if nothing is there. Chunks of RAM that the store
                   has, of whatever guest, are not stored again (multifd store --help)

Examples:
  multifd receive
  multifd receive tcp::4444 raw:incoming
  multifd receive tcp::4444 file:guest.mig
  multifd receive tcp::4444 store:guests#monday
  multifd receive unix:/run/incoming.sock raw:incoming --channels 4
  multifd receive tcp::4444 file:guest.mig --compression zstd
  multifd receive tcp::4444 raw:incoming --metrics 127.0.0.1:9464 --progress json
  multifd receive tcp:0.0.0.0:4444 --tls-creds /etc/multifd/tls --uuid 550e8400-e29b-41d4-a716-446655440000

From QEMU: migrate_set_capability multifd on, migrate_set_capability return-path on,
           migrate_set_parameter multifd-channels 2, migrate -d tcp:HOST:PORT`;

export const RELAY_HELP = `
The relay accepts every sync mode and zero-page detection of the source. The destination gets what the guest's
machine type requires; --zero-page-detection and --machine-compat override that. Turn the source's return path on
(migrate_set_capability return-path on): it then completes only when the destination has, and keeps its guest if
the migration fails.

Examples:
  multifd relay tcp::4444 tcp:192.0.2.7:4445
  multifd relay tcp::4444 unix:/run/incoming.sock --channels 2 --outgoing-multifd-channels 8
  multifd relay tcp::4444 tcp:192.0.2.7:4445 --machine-compat 7.2
  multifd relay tcp::4444 tcp:192.0.2.7:4445 --outgoing-multifd-compression zstd    uncompressed in, compressed out`;

export const TLS_HELP = `
Examples:
  multifd tls init tls --host dst.example --host 192.0.2.7
  multifd receive tcp:0.0.0.0:4444 file:guest.mig --tls-creds tls
  multifd migrate demo:1G tcp:192.0.2.7:4444 --tls-creds tls
  multifd tls init keys --psk                      a shared key, for --tls-creds keys --tls-psk

A QEMU takes the same folder: -object tls-creds-x509,id=tls0,dir=tls,endpoint=client (a destination: server), then
migrate_set_parameter tls-creds tls0`;

export const INSPECT_HELP = `
FILE may come from QEMU (migrate "file:FILE", with or without mapped-ram, or "exec:cat > FILE"), from libvirt (virsh
save), or from \`multifd receive LISTEN file:FILE\`. It may be packed with gzip or zstd. FILE,offset=N: the stream
begins at byte N. RAM is not read.

With --diff, two guests are compared, and their RAM is read: migration files with mapped-ram, images (raw:DIR, raw:FILE), or
snapshots of a store (store:DIR#NAME).

Examples:
  multifd inspect guest.mig
  multifd inspect guest.mig --json | jq '.devices[] | select(.name == "cpu") | .state'
  multifd inspect --diff before.mig now.mig --picture changes.svg`;

export const STORE_HELP = `
A store keeps guests at rest: RAM in chunks of 64 KiB that are stored once, compressed with zstd, and a small file for each
snapshot. Several commands may use it at a time. docs/store-format.md describes the format.
s3://BUCKET/PREFIX in place of DIR is a store in S3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL.

Examples:
  multifd receive tcp::4444 store:guests#monday    from QEMU or \`multifd migrate\`; makes the store
  multifd store ls guests
  multifd store diff guests#monday guests#tuesday
  multifd store verify guests                      read everything back
  multifd store rm guests#monday && multifd store gc guests
  multifd receive tcp::4444 store:s3://bucket/guests#monday
  multifd store import guest.mig guests#old
  multifd store export guests#tuesday file:guest.mig
  multifd migrate store:guests#tuesday tcp:192.0.2.7:4444`;

export const CONVERT_HELP = `
SOURCE:
  FILE, file:FILE[,offset=N]
      a migration file of QEMU, libvirt or \`multifd receive LISTEN file:FILE\`, with mapped-ram or without
  raw:DIR, raw:FILE
      RAM images: without the registers of the processors
  store:DIR#NAME
      a snapshot in a store

TARGET:
  core:FILE
      an ELF dump as QEMU's dump-guest-memory writes it (paging off): guest-physical memory, registers, and VMCOREINFO
      if the guest has written it (-device vmcoreinfo). Zero pages take no space. Machine types pc and q35

Examples:
  multifd convert guest.mig core:guest.core
  multifd convert guest.mig core:guest.core --ram m0,m1          a guest with two NUMA nodes
  multifd convert raw:incoming core:guest.core --force
  multifd convert raw:guest.ram core:guest.core --machine-type pc-q35-10.0`;

export const COMPLETION_HELP = `
Examples:
  source <(multifd completion bash)                              now, or in ~/.bashrc
  source <(multifd completion zsh)                               now, or in ~/.zshrc behind compinit
  multifd completion fish > ~/.config/fish/completions/multifd.fish`;
