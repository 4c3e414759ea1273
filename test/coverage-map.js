import { readdirSync } from 'node:fs'

const lib = readdirSync('lib', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => `lib/${name}`)

// They run dist/, or lib/ in processes of their own, where other lines count than in a test's own process.
const runningHosts = /^test\/(examples|nodes)\/|^test\/readme\.test\.ts$/

/** Answers, for tap, what a test covers of lib/; null for nothing. */
export default (test) => runningHosts.test(test) ? null : lib
