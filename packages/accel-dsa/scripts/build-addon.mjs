// As every addon here is built, but for Linux on x64 only: `MULTIFD_NATIVE=required` asks for nothing elsewhere.
if (process.platform === 'linux' && process.arch === 'x64') await import('../../../scripts/build-addon.mjs');
else console.log('accel-dsa: not built, it is for Linux on x64; everything else works without it');
