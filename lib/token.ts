import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { crc32 } from 'node:zlib'

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const prefix = 'scim_'

// The shortest run of base62 digits that holds 256 bits.
const secretLength = 43
const checksumLength = 6

const format = new RegExp(`^${prefix}[0-9A-Za-z]{${secretLength + checksumLength}}$`)
const hashFormat = /^[0-9a-f]{64}$/

// Bytes from here up would favour the first characters of the alphabet.
const unbiased = 256 - 256 % alphabet.length

/**
 * Generates a token: `scim_`, 256 random bits in 43 characters of `[0-9A-Za-z]`, and their
 * checksum in 6 more.
 */
export function generateToken (): string {
  const body = prefix + randomCharacters(secretLength)
  return body + checksum(body)
}

/** Whether a text has the format of a token and the right checksum: most mistakes show here. */
export function isToken (text: string): boolean {
  return format.test(text) && text.endsWith(checksum(text.slice(0, -checksumLength)))
}

/** Answers the SHA-256 of a token in lower-case hexadecimal. A secret of 256 bits needs no salt. */
export function hashToken (token: string): string {
  return hash('sha256', token)
}

/** Whether a value has the format of {@link hashToken}. */
export function isHash (value: unknown): boolean {
  return typeof value === 'string' && hashFormat.test(value)
}

/** Whether a token has this hash, in a time that tells nothing of either. No token has the hash `''`. */
export function matchesHash (token: string, expected: string): boolean {
  const actual = Buffer.from(hashToken(token))
  return timingSafeEqual(actual, Buffer.from(expected.padEnd(actual.length)))
}

function randomCharacters (length: number): string {
  let characters = ''
  while (characters.length < length) {
    for (const byte of randomBytes(length + 8)) {
      if (byte < unbiased && characters.length < length) characters += alphabet[byte % alphabet.length]
    }
  }
  return characters
}

/** CRC-32 in base62: secret scanners know a token by it, and a mistyped one is told apart offline. */
function checksum (body: string): string {
  let rest = crc32(body)
  let digits = ''
  for (let i = 0; i < checksumLength; i++) {
    digits = alphabet[rest % alphabet.length] + digits
    rest = Math.floor(rest / alphabet.length)
  }
  return digits
}
