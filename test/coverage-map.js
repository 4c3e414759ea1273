import { readdirSync } from 'node:fs'

const lib = readdirSync('lib', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => `lib/${name}`)

/** Answers, for tap, what a test is to cover: lib/ and not dist/, which the examples run. */
export default () => lib
