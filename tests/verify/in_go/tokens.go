package main

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"
)

// A code says why something is not valid; see the table in docs/offline-verification.md.
type code string

func (it code) Error() string { return string(it) }

const (
	malformed       code = "malformed"
	wrongAlgorithm  code = "wrong_algorithm"
	unknownKey      code = "unknown_key"
	wrongSignature  code = "wrong_signature"
	wrongTenant     code = "wrong_tenant"
	wrongHolder     code = "wrong_holder"
	wrongPool       code = "wrong_pool"
	notYetValid     code = "not_yet_valid"
	expired         code = "expired"
	licenceEnded    code = "licence_ended"
	licenceTooOld   code = "licence_too_old"
	leaseTooLong    code = "lease_too_long"
	revokedKeyOrJTI code = "revoked"
)

const (
	largestKeySet   = 65536
	mostKeys        = 32
	longestHeader   = 256
	rsaBytes        = 512
	rsaExponent     = "AQAB"
	coordinateBytes = 32
	saltBytes       = 64
)

var (
	base64url = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	keyID     = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
)

// The kinds of tokens, each with its type and the most characters that it may have.
type kind struct {
	typ     string
	longest int
}

var (
	licenceKind     = kind{"seat-licence+jwt", 262144}
	leaseKind       = kind{"seat-lease+jwt", 1024}
	revocationsKind = kind{"seat-revocations+jwt", 1048576}
)

// readKeys gives the keys of a set by their ids. A key of another kind than the four is skipped.
func readKeys(text string) (map[string]jose.JSONWebKey, error) {
	if utf8.RuneCountInString(text) > largestKeySet {
		return nil, malformed
	}
	set, err := readObject([]byte(text))
	if err != nil {
		return nil, malformed
	}
	listed, isList := set["keys"].([]any)
	if !isList || len(listed) > mostKeys {
		return nil, malformed
	}
	keys, seen := map[string]jose.JSONWebKey{}, map[string]bool{}
	for _, one := range listed {
		members, isObject := one.(map[string]any)
		if !isObject {
			continue
		}
		if kid, isText := members["kid"].(string); isText {
			if seen[kid] {
				return nil, malformed
			}
			seen[kid] = true
		}
		if key, isKey := readKey(members); isKey {
			keys[key.KeyID] = key
		}
	}
	return keys, nil
}

func readKey(members map[string]any) (key jose.JSONWebKey, isKey bool) {
	kid, _ := members["kid"].(string)
	if !keyID.MatchString(kid) || members["use"] != "sig" {
		return key, false
	}
	for _, private := range []string{"d", "k", "p", "q"} {
		if _, isThere := members[private]; isThere {
			return key, false
		}
	}
	// What else a key can have, such as certificates, says nothing here and may not keep it from being read.
	known := map[string]any{"use": "sig"}
	for _, name := range []string{"kty", "alg", "kid", "crv", "n", "e", "x", "y"} {
		if value, isThere := members[name]; isThere {
			known[name] = value
		}
	}
	raw, err := json.Marshal(known)
	if err != nil || key.UnmarshalJSON(raw) != nil || !key.Valid() {
		return key, false
	}
	return key, isOfItsAlgorithm(key, members)
}

func isOfItsAlgorithm(key jose.JSONWebKey, members map[string]any) bool {
	switch key.Algorithm {
	case "RS256", "PS512":
		_, isRSA := key.Key.(*rsa.PublicKey)
		modulus := bytesOf(members["n"])
		return isRSA && len(modulus) == rsaBytes && modulus[0]&0x80 != 0 && members["e"] == rsaExponent
	case "ES256":
		return members["kty"] == "EC" && members["crv"] == "P-256" &&
			len(bytesOf(members["x"])) == coordinateBytes && len(bytesOf(members["y"])) == coordinateBytes
	case "EdDSA":
		return members["kty"] == "OKP" && members["crv"] == "Ed25519" && len(bytesOf(members["x"])) == ed25519.PublicKeySize
	}
	return false
}

// bytesOf gives the bytes of a text that is their one spelling in base64url, and none of any other.
func bytesOf(value any) []byte {
	text, _ := value.(string)
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || !base64url.MatchString(text) {
		return nil
	}
	return raw
}

// A token that is well formed, of which nothing is proven yet.
type token struct {
	text, kid, alg string
}

func readToken(text string, wanted kind) (token, error) {
	if utf8.RuneCountInString(text) > wanted.longest {
		return token{}, malformed
	}
	parts := strings.Split(text, ".")
	if len(parts) != 3 || len(parts[0]) > longestHeader {
		return token{}, malformed
	}
	for _, part := range parts {
		if bytesOf(part) == nil {
			return token{}, malformed
		}
	}
	header, err := readObject(bytesOf(parts[0]))
	if err != nil || len(header) != 3 || header["typ"] != wanted.typ {
		return token{}, malformed
	}
	alg, isText := header["alg"].(string)
	kid, _ := header["kid"].(string)
	if !isText || !keyID.MatchString(kid) {
		return token{}, malformed
	}
	return token{text: text, kid: kid, alg: alg}, nil
}

// proven gives the claims of a token that the owner of key has signed.
func (it token) proven(key jose.JSONWebKey) (claims, error) {
	if it.alg != key.Algorithm {
		return nil, wrongAlgorithm
	}
	payload, err := payloadOf(it.text, key)
	if err != nil {
		return nil, wrongSignature
	}
	found, err := readObject(payload)
	if err != nil {
		return nil, malformed
	}
	return found, nil
}

func payloadOf(text string, key jose.JSONWebKey) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(key.Algorithm)})
	if err != nil {
		return nil, err
	}
	payload, err := signed.Verify(key)
	if err == nil && key.Algorithm == "PS512" && !hasFullSalt(text, signed.Signatures[0].Signature, key) {
		return nil, wrongSignature
	}
	return payload, err
}

// hasFullSalt looks at what go-jose leaves open: RFC 7518 section 3.5 wants a salt that is as long as the hash.
func hasFullSalt(text string, signature []byte, key jose.JSONWebKey) bool {
	digest := sha512.Sum512([]byte(text[:strings.LastIndexByte(text, '.')]))
	options := &rsa.PSSOptions{SaltLength: saltBytes}
	return rsa.VerifyPSS(key.Key.(*rsa.PublicKey), crypto.SHA512, digest[:], signature, options) == nil
}

// signatureAlone is what go-jose says without any rule of ours, of the last token of the chain.
func signatureAlone(one vector, set string) string {
	keys, err := readKeys(set)
	if err != nil || one.Licence == nil {
		return "refused"
	}
	text := *one.Licence
	if one.Lease != nil {
		document, err := authenticLicence(text, keys, one.Tenant, nil)
		if err != nil {
			return "refused"
		}
		text, keys = *one.Lease, document.leaseKeys
	}
	algorithms := []jose.SignatureAlgorithm{jose.RS256, jose.PS512, jose.ES256, jose.EdDSA}
	signed, err := jose.ParseSignedCompact(text, algorithms)
	if err != nil {
		return "refused"
	}
	header := signed.Signatures[0].Header
	key, isKnown := keys[header.KeyID]
	if !isKnown || header.Algorithm != key.Algorithm {
		return "refused"
	}
	if _, err = signed.Verify(key); err != nil {
		return "refused"
	}
	return "accepted"
}
