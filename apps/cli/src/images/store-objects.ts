import { tmpdir } from 'node:os';
import { MultifdError } from '@multifd/core';
import type { ObjectStore, S3Place } from '@multifd/store';
import { bucketOf } from '../options/store-place.js';

/** The objects of a store: of a directory, or of a bucket (`s3://BUCKET/PREFIX`). @throws MultifdError `usage` */
export async function storeObjects(directory: string): Promise<ObjectStore> {
  const { DiskObjects, S3Objects } = await import('@multifd/store');
  const place = s3Place(directory, process.env);
  return place === undefined ? new DiskObjects(directory) : new S3Objects(place);
}

/** Where what is received lies before it is in the store, and what is sent after it has come from there. */
export function localDirectory(directory: string): string {
  return bucketOf(directory) === undefined ? directory : tmpdir();
}

/**
 * The bucket, with what the environment says of the service, in the words of AWS's own tools. Undefined for a directory.
 * @throws MultifdError `usage` if it says too little.
 */
export function s3Place(directory: string, env: NodeJS.ProcessEnv): S3Place | undefined {
  const bucket = bucketOf(directory);
  if (bucket === undefined) return undefined;
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = env;
  if (!accessKeyId || !secretAccessKey) {
    throw new MultifdError('usage', `store:${directory}: no credentials`, {
      hint: 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    });
  }
  if (env.AWS_SESSION_TOKEN) {
    throw new MultifdError('usage', `store:${directory}: credentials with a session token cannot be used`, {
      hint: 'use an access key of its own, and unset AWS_SESSION_TOKEN',
    });
  }
  const region = env.AWS_REGION || env.AWS_DEFAULT_REGION || 'us-east-1';
  const endpoint = env.AWS_ENDPOINT_URL_S3 || env.AWS_ENDPOINT_URL || `https://s3.${region}.amazonaws.com`;
  if (!/^https?:\/\//.test(endpoint) || !URL.canParse(endpoint)) {
    throw new MultifdError(
      'usage',
      `AWS_ENDPOINT_URL: ${JSON.stringify(endpoint)} is not the address of a service`,
      {
        hint: 'write https://HOST or http://HOST:PORT',
      },
    );
  }
  return { kind: 's3', endpoint, region, ...bucket, accessKeyId, secretAccessKey };
}
