import { hash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const prefix = 'scim_'

// The shortest run of base62 digits that holds 256 bits.
const secretLength = 43
const checksumLength = 6

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

/** Answers the SHA-256 of a token in lower-case hexadecimal. A secret of 256 bits needs no salt. */
export function hashToken (token: string): string {
  return hash('sha256', token)
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

/** CRC-32 in base62, so that secret scanners and a truncated paste are told apart offline. */
function checksum (body: string): string {
  let rest = crc32(body)
  let digits = ''
  for (let i = 0; i < checksumLength; i++) {
    digits = alphabet[rest % alphabet.length] + digits
    rest = Math.floor(rest / alphabet.length)
  }
  return digits
}
