package main

import (
	"crypto/ed25519"
	"regexp"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"
)

const (
	skewSeconds      = 60
	longestText      = 256
	mostEntitlements = 64
	mostLeaseKeys    = 1024
	mostRevoked      = 10000
	mostSeats        = 1000
)

var group = regexp.MustCompile(`^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?$`)

type licence struct {
	kid, tenant         string
	issuedAt, expiresAt int64
	validUntil          *int64
	longestLease        int64
	leaseKeys           map[string]jose.JSONWebKey
	pools               map[string]string
}

type revocations struct {
	tenant       string
	keys, leases map[string]bool
}

// claims are taken one by one; wrong is set once one of them is not as it must be.
type claims map[string]any

type reader struct {
	claims
	wrong bool
}

func (it claims) reader(required []string, optional string) *reader {
	present := len(required)
	if _, isThere := it[optional]; isThere {
		present++
	}
	reader := &reader{claims: it, wrong: len(it) != present}
	for _, name := range required {
		if _, isThere := it[name]; !isThere {
			reader.wrong = true
		}
	}
	return reader
}

func (it *reader) text(name string, mayBeEmpty bool) string {
	text, isText := it.claims[name].(string)
	it.wrong = it.wrong || !isText || !isLine(text) || (text == "" && !mayBeEmpty)
	return text
}

func (it *reader) hex(name string, length int) string {
	text := it.text(name, false)
	it.wrong = it.wrong || len(text) != length
	for _, one := range text {
		it.wrong = it.wrong || !(one >= '0' && one <= '9' || one >= 'a' && one <= 'f')
	}
	return text
}

func (it *reader) number(name string, least, most int64) int64 {
	number, isNumber := it.claims[name].(int64)
	it.wrong = it.wrong || !isNumber || number < least || number > most
	return number
}

func (it *reader) instant(name string) int64 { return it.number(name, 1, largestNumber) }

func (it *reader) texts(name string, most int) map[string]bool {
	listed, isList := it.claims[name].([]any)
	it.wrong = it.wrong || !isList || len(listed) > most
	found := map[string]bool{}
	for _, one := range listed {
		text, isText := one.(string)
		it.wrong = it.wrong || !isText || text == "" || !isLine(text) || found[text]
		found[text] = true
	}
	return found
}

func isLine(text string) bool {
	for _, one := range text {
		if one < ' ' || one == 0x7f {
			return false
		}
	}
	return utf8.RuneCountInString(text) <= longestText
}

// authenticLicence is step one to three of the guide: whatever the time of the document.
func authenticLicence(text string, keys map[string]jose.JSONWebKey, tenant string, revoked *revocations) (*licence, error) {
	read, err := readToken(text, licenceKind)
	if err != nil {
		return nil, err
	}
	key, isKnown := keys[read.kid]
	if !isKnown {
		return nil, unknownKey
	}
	said, err := read.proven(key)
	if err != nil {
		return nil, err
	}
	found, err := readLicence(read.kid, said)
	if err != nil {
		return nil, err
	}
	if found.tenant != tenant {
		return nil, wrongTenant
	}
	return found, revoked.check(found.tenant, []string{found.kid}, "")
}

func readLicence(kid string, said claims) (*licence, error) {
	it := said.reader([]string{"iss", "sub", "iat", "exp", "tenant", "namespace", "subscription", "plan", "seats",
		"entitlements", "offline_grace", "longest_lease", "lease_keys"}, "valid_until")
	found := &licence{
		kid: kid, tenant: it.text("iss", false), issuedAt: it.instant("iat"), expiresAt: it.instant("exp"),
		longestLease: it.number("longest_lease", 0, largestNumber),
		leaseKeys:    map[string]jose.JSONWebKey{}, pools: map[string]string{},
	}
	for _, name := range []string{"sub", "tenant", "namespace", "subscription"} {
		it.text(name, false)
	}
	it.text("plan", true)
	it.number("seats", 0, largestNumber)
	it.number("offline_grace", 0, largestNumber)
	if _, isThere := said["valid_until"]; isThere {
		until := it.instant("valid_until")
		found.validUntil = &until
	}
	it.entitlements()
	it.leaseKeys(found)
	if it.wrong || found.issuedAt >= found.expiresAt {
		return nil, malformed
	}
	return found, nil
}

func (it *reader) entitlements() {
	listed, isObject := it.claims["entitlements"].(map[string]any)
	it.wrong = it.wrong || !isObject || len(listed) > mostEntitlements
	for name, value := range listed {
		it.wrong = it.wrong || name == "" || !isLine(name)
		switch value := value.(type) {
		case bool:
			it.wrong = it.wrong || !value
		case int64:
			it.wrong = it.wrong || value < 0
		case string:
			it.wrong = it.wrong || !isLine(value)
		default:
			it.wrong = true
		}
	}
}

func (it *reader) leaseKeys(into *licence) {
	listed, isList := it.claims["lease_keys"].([]any)
	it.wrong = it.wrong || !isList || len(listed) > mostLeaseKeys
	for _, one := range listed {
		members, _ := one.(map[string]any)
		key := claims(members).reader([]string{"kid", "x", "pool"}, "")
		kid, pool := key.text("kid", false), key.text("pool", false)
		x := bytesOf(members["x"])
		_, isTwice := into.leaseKeys[kid]
		it.wrong = it.wrong || key.wrong || isTwice || !keyID.MatchString(kid) || len(x) != ed25519.PublicKeySize
		into.leaseKeys[kid] = jose.JSONWebKey{Key: ed25519.PublicKey(x), KeyID: kid, Algorithm: "EdDSA"}
		into.pools[kid] = pool
	}
}

func verifyLicence(text string, keys map[string]jose.JSONWebKey, tenant string, now int64, revoked *revocations) error {
	found, err := authenticLicence(text, keys, tenant, revoked)
	switch {
	case err != nil:
		return err
	case found.issuedAt > now+skewSeconds:
		return notYetValid
	case found.validUntil != nil && now >= *found.validUntil+skewSeconds:
		return licenceEnded
	case now >= found.expiresAt+skewSeconds:
		return expired
	}
	return nil
}

func verifyLease(text string, document *licence, asked vector, revoked *revocations) error {
	read, err := readToken(text, leaseKind)
	if err != nil {
		return err
	}
	key, isKnown := document.leaseKeys[read.kid]
	if !isKnown {
		return unknownKey
	}
	said, err := read.proven(key)
	if err != nil {
		return err
	}
	it := said.reader([]string{"aud", "sub", "jti", "nonce", "fence", "quantity", "group", "iat", "exp"}, "")
	pool, holder, id := it.text("aud", false), it.hex("sub", 64), it.hex("jti", 32)
	issuedAt, expiresAt := it.instant("iat"), it.instant("exp")
	it.hex("nonce", 16)
	it.number("fence", 1, largestNumber)
	it.number("quantity", 1, mostSeats)
	isGroup := group.MatchString(it.text("group", true))
	switch {
	case it.wrong || !isGroup || issuedAt >= expiresAt:
		return malformed
	case pool != document.pools[read.kid] || asked.Pool != nil && pool != *asked.Pool:
		return wrongPool
	case issuedAt > document.expiresAt:
		return licenceTooOld
	case expiresAt-issuedAt > document.longestLease:
		return leaseTooLong
	case issuedAt > asked.Now+skewSeconds:
		return notYetValid
	case asked.Now >= expiresAt+skewSeconds:
		return expired
	case holder != asked.Holder:
		return wrongHolder
	}
	return revoked.check(document.tenant, []string{document.kid, read.kid}, id)
}

func readRevocations(text string, keys map[string]jose.JSONWebKey, tenant string, now int64) (*revocations, error) {
	read, err := readToken(text, revocationsKind)
	if err != nil {
		return nil, err
	}
	key, isKnown := keys[read.kid]
	if !isKnown {
		return nil, unknownKey
	}
	said, err := read.proven(key)
	if err != nil {
		return nil, err
	}
	it := said.reader([]string{"iss", "iat", "exp", "keys", "leases"}, "")
	issuedAt, expiresAt := it.instant("iat"), it.instant("exp")
	found := &revocations{it.text("iss", false), it.texts("keys", mostRevoked), it.texts("leases", mostRevoked)}
	switch {
	case it.wrong:
		return nil, malformed
	case found.tenant != tenant:
		return nil, wrongTenant
	case issuedAt > now+skewSeconds:
		return nil, notYetValid
	case now >= expiresAt+skewSeconds:
		return nil, expired
	}
	return found, nil
}

func (it *revocations) check(tenant string, keys []string, lease string) error {
	if it == nil {
		return nil
	}
	if it.tenant != tenant {
		return wrongTenant
	}
	for _, kid := range keys {
		if it.keys[kid] {
			return revokedKeyOrJTI
		}
	}
	if lease != "" && it.leases[lease] {
		return revokedKeyOrJTI
	}
	return nil
}
