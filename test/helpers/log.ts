import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import type { Test } from 'tap'

/** The parsed lines of a host's log. */
export type Log = LogLine[]

export interface LogLine {
  level: number
  msg?: string
  errorId?: string
  err?: { message: string, stack: string, code?: string, causeCode?: string }
  [key: string]: unknown
}

/** Matches anything that looks like a token or a hash, which no log may contain. */
export const secrets = /scim_[0-9A-Za-z]{20}|[0-9a-f]{64}/

/** Returns logger options for level `trace`; when the test ends, the log must contain no secret. */
export function captureLog (t: Test): { log: Log, logger: { level: string, stream: Writable } } {
  const log: Log = []
  // In a teardown tap ignores assertions of the test, but a thrown error fails it.
  t.teardown(() => { assert.doesNotMatch(JSON.stringify(log), secrets, 'the log contains a token or a hash') })
  const stream = new Writable({
    write (chunk, _encoding, done) {
      log.push(JSON.parse(String(chunk)))
      done()
    }
  })
  return { log, logger: { level: 'trace', stream } }
}
