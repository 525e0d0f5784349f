// Makes the types of the API (`src/api-schema.ts`) out of its OpenAPI document (`docs/reference/openapi.json`,
// which a test of the server holds to what it answers). `write` writes them, `check` says whether they are old.
import { readFileSync, writeFileSync } from 'node:fs';
import openapiTS, { astToString } from 'openapi-typescript';

const from = new URL('../../docs/reference/openapi.json', import.meta.url);
const to = new URL('../src/api-schema.ts', import.meta.url);
const HEAD = '/** Made of docs/reference/openapi.json by `npm run schema`: change that, not this. */\n\n';

const [word] = process.argv.slice(2);
const types = HEAD + astToString(await openapiTS(from));
if (word === 'write') writeFileSync(to, types);
else if (word === 'check') {
  if (readFileSync(to, 'utf8') !== types) {
    console.error(
      'error: `src/api-schema.ts` is older than the OpenAPI document\nhint: `npm run schema` writes it',
    );
    process.exit(1);
  }
} else {
  console.error('usage: node scripts/schema.mjs write|check');
  process.exit(2);
}
