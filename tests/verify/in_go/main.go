// Tells what a verifier in Go makes of the vectors in tests/vectors: a second implementation, written from
// docs/offline-verification.md alone, with go-jose for keys and signatures.
//
// It takes the folder of the vectors as its argument and prints a JSON object: by the name of each vector what the whole
// verification says, which is "valid" or the code of the refusal, and what go-jose alone says of the signature.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

type vector struct {
	Name        string  `json:"name"`
	Keys        string  `json:"keys"`
	JWKS        *string `json:"jwks"`
	Tenant      string  `json:"tenant"`
	Now         int64   `json:"now"`
	Licence     *string `json:"licence"`
	Lease       *string `json:"lease"`
	Holder      string  `json:"holder"`
	Pool        *string `json:"pool"`
	Revocations *string `json:"revocations"`
}

type verdict struct {
	Said     string `json:"said"`
	PlainJWS string `json:"plain_jws"`
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: in_go FOLDER_OF_THE_VECTORS")
		os.Exit(2)
	}
	verdicts, err := judgeAll(os.Args[1])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(verdicts)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func judgeAll(folder string) (map[string]verdict, error) {
	var shared map[string]json.RawMessage
	if err := load(folder, "key_sets.json", &shared); err != nil {
		return nil, err
	}
	verdicts := map[string]verdict{}
	for _, name := range []string{"licences.json", "leases.json", "revocations.json", "own_key_sets.json"} {
		var stored struct {
			Vectors []vector `json:"vectors"`
		}
		if err := load(folder, name, &stored); err != nil {
			return nil, err
		}
		for _, one := range stored.Vectors {
			set := string(shared[one.Keys])
			if one.JWKS != nil {
				set = *one.JWKS
			}
			verdicts[one.Name] = verdict{Said: judge(one, set), PlainJWS: signatureAlone(one, set)}
		}
	}
	return verdicts, nil
}

func load(folder, name string, into any) error {
	raw, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

// judge does what `about` in the files of the vectors says.
func judge(one vector, set string) string {
	if err := verify(one, set); err != nil {
		return err.Error()
	}
	return "valid"
}

func verify(one vector, set string) error {
	keys, err := readKeys(set)
	if err != nil {
		return err
	}
	var revoked *revocations
	if one.Revocations != nil {
		if revoked, err = readRevocations(*one.Revocations, keys, one.Tenant, one.Now); err != nil {
			return err
		}
	}
	switch {
	case one.Lease != nil:
		document, err := authenticLicence(*one.Licence, keys, one.Tenant, nil)
		if err != nil {
			return err
		}
		return verifyLease(*one.Lease, document, one, revoked)
	case one.Licence != nil:
		return verifyLicence(*one.Licence, keys, one.Tenant, one.Now, revoked)
	}
	return nil
}
