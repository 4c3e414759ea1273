import { readdirSync } from 'node:fs'

const lib = readdirSync('lib', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => `lib/${name}`)

/** Returns the files that each test must cover for tap: lib/ and not dist/, which the examples import. */
export default () => lib
