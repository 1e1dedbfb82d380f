// As every addon here is built, but for Linux only: `MULTIFD_NATIVE=required` asks for nothing elsewhere.
if (process.platform === 'linux') await import('../../../scripts/build-addon.mjs');
else console.log('host-linux: not built, it is for Linux; everything else works without it');
