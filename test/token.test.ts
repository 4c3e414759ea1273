import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import t from 'tap'
import { generateToken, hashToken } from '../lib/token.ts'

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

t.test('a token is scim_, 43 characters of base62 and 6 of checksum', async (t) => {
  for (let i = 0; i < 1000; i++) t.match(generateToken(), /^scim_[0-9A-Za-z]{49}$/)
})

t.test('the last six characters are the CRC-32 in base62 of all that precedes', async (t) => {
  const token = generateToken()
  const checksum = [...token.slice(-6)].reduce((sum, digit) => sum * 62 + alphabet.indexOf(digit), 0)
  t.equal(checksum, crc32(token.slice(0, -6)))
})

t.test('no two tokens are alike', async (t) => {
  t.equal(new Set(Array.from({ length: 10_000 }, generateToken)).size, 10_000)
})

t.test('the hash of a token is its SHA-256 in hexadecimal', async (t) => {
  const token = generateToken()
  t.equal(hashToken(token), createHash('sha256').update(token).digest('hex'))
})
