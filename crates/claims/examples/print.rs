fn main() {
    let claims =
        claims::read_claims("experiments/claims.toml".as_ref()).unwrap_or_else(|e| panic!("{e}"));
    let place = claims::Place {
        root: "results".into(),
        scale: "cpu".into(),
        device: "cpu".into(),
    };
    let ledger = claims::Ledger::ask(&claims, &place).unwrap().unwrap();
    let ids: Vec<String> = std::env::args().skip(1).collect();
    if ids.is_empty() {
        print!("{}", ledger.lines());
        println!("family {}", ledger.family)
    } else {
        print!("{}", ledger.only(&ids).full())
    }
}
